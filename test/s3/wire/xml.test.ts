import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { S3_ERRORS, S3Error } from '../../../src/s3/wire/errors.ts';
import { parseXml } from '../../../src/s3/wire/parse-xml.ts';
import type { XmlRules } from '../../../src/s3/wire/parse-xml.ts';
import { S3_NAMESPACE, toXml } from '../../../src/s3/wire/xml.ts';
import { refusalOf } from './support/example.ts';

const parse = (text: string, rules: Partial<XmlRules> = {}) => parseXml(Buffer.from(text), { root: 'R', ...rules });
const refusal = (text: string, rules?: Partial<XmlRules>): string => refusalOf(() => parse(text, rules)) ?? 'none';

describe('XML that is written', () => {
  it('has lists as repeated elements, and nothing for what is undefined', () => {
    expect(
      toXml(
        'ListBucketResult',
        {
          Prefix: '',
          Marker: undefined,
          MaxKeys: 2,
          IsTruncated: false,
          Contents: [
            { Key: 'a', LastModified: new Date(0), ETag: '"e"' },
            { Key: 'b', Owner: { '@xsi:type': 'A "b"', ID: 'x' } },
          ],
          CommonPrefixes: [],
        },
        S3_NAMESPACE,
      ),
    ).toBe(
      `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Prefix></Prefix><MaxKeys>2</MaxKeys><IsTruncated>false</IsTruncated>` +
        '<Contents><Key>a</Key><LastModified>1970-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag></Contents>' +
        '<Contents><Key>b</Key><Owner xsi:type="A &quot;b&quot;"><ID>x</ID></Owner></Contents></ListBucketResult>',
    );
  });

  it('has no character that XML cannot have, and is read back as it was', () => {
    expect(toXml('R', { Key: 'a\u0000\r\n\ud800\uffff<&' })).toContain(
      '<Key>a&#x0;&#xd;\n&#xd800;&#xffff;&lt;&amp;</Key>',
    );
    expect(toXml('R', { Key: '\udc00' })).toContain('<Key>&#xdc00;</Key>');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string()), (key, list) => {
        const read = parse(toXml('R', { Key: key, None: undefined, Item: list, End: '' }), { lists: ['Item'] });
        expect(read).toEqual({ Key: key, ...(list.length > 0 ? { Item: list } : {}), End: '' });
      }),
    );
  });
});

describe('XML that is read', () => {
  it('gives text, elements and lists; prefixes, comments and declarations go', () => {
    const text = `\ufeff<?xml version="1.0"?>
      <!-- c --><s:R xmlns:s="u" xmlns:xsi="v">
        <Quiet>true</Quiet><Empty/><Key> a&amp;&#13;&#x41;<!-- c -->b<![CDATA[<&amp;>]]> </Key>
        <Object><Key>1</Key></Object>
        <Grant xsi:type="a&lt;"><ID>x</ID></Grant>
        <And><Tag>y</Tag></And><Tag>z</Tag>
      </s:R>\n`;
    expect(parse(text, { lists: ['Object', 'And.Tag'] })).toEqual({
      Quiet: 'true',
      Empty: '',
      Key: ' a&\rAb<&amp;> ',
      Object: [{ Key: '1' }],
      Grant: { '@type': 'a<', ID: 'x' },
      And: { Tag: ['y'] },
      Tag: 'z',
    });
    expect(parse('<R/>')).toEqual({});
  });

  it.each<[string, string, Partial<XmlRules>?]>([
    ['nothing', ''],
    ['text', 'text'],
    ['a declaration alone', '<?xml version="1.0"?>'],
    ['another root', '<Other/>'],
    ['two roots', '<R/><R/>'],
    ['text in the root', '<R>text</R>'],
    ['text after the root', '<R/>x'],
    ['a tag that does not end', '<R><a>'],
    ['tags across', '<R><a><b></a></b></R>'],
    ['an attribute without quotes', '<R a=b/>'],
    ['a document type', '<!DOCTYPE R><R/>'],
    ['an entity of its own', '<!DOCTYPE R [<!ENTITY x "y">]><R><a>&x;</a></R>'],
    ['an unknown entity', '<R><a>&nbsp;</a></R>'],
    ['a number that is no character', '<R><a>&#x110000;</a></R>'],
    ['an ampersand', '<R><a>a & b</a></R>'],
    ['an element twice', '<R><a>1</a><a>2</a></R>'],
    ['__proto__', '<R><__proto__><a>1</a></__proto__></R>'],
    ['too deep', `<R>${'<a>'.repeat(20)}${'</a>'.repeat(20)}</R>`],
    ['too deep, without an end', '<R>'.repeat(9_999)],
    ['too many elements', `<R>${'<a/>'.repeat(50)}</R>`, { lists: ['a'], maxElements: 20 }],
    ['a tag that is too long', `<R a="${'x'.repeat(3_000)}"/>`],
    ['a reference without an end', '<R><a b="&lt"><c/></a></R>'],
  ])('refuses %s as MalformedXML', (_, text, rules) => {
    expect(refusal(text, rules)).toBe('MalformedXML');
  });

  it('refuses bytes that are no UTF-8, and too many of them', () => {
    expect(() => parseXml(Buffer.from([0x3c, 0x52, 0x3e, 0xff]), { root: 'R' })).toThrow(new S3Error('MalformedXML'));
    expect(refusal(`<R>${' '.repeat(100)}</R>`, { maxBytes: 100 })).toBe('MaxMessageLengthExceeded');
  });

  it('never throws anything but a refusal', () => {
    const parts = [
      '<R>',
      '</R>',
      '<a>',
      '</a>',
      '<a/>',
      'x',
      '&amp;',
      '&',
      '<',
      '>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '"',
      '<?',
      '?>',
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...parts)), (some) => {
        refusal(some.join(''));
      }),
      { numRuns: 500 },
    );
  });
});

describe('errors', () => {
  it('have a status and a message of their code, and XML that says what is spoken of', () => {
    const error = new S3Error('NoSuchKey', { extra: { Key: 'a&b' } });
    expect([error.status, error.message]).toEqual([404, 'The specified key does not exist.']);
    expect(error.toXml({ id: '4711', resource: '/bucket/a&b' })).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message>' +
        '<Key>a&amp;b</Key><Resource>/bucket/a&amp;b</Resource><RequestId>4711</RequestId></Error>',
    );
    expect(
      new S3Error('AccessDenied', { message: 'why', resource: '/b' }).toXml({ id: '1', resource: '/c' }),
    ).toContain('<Message>why</Message><Resource>/b</Resource>');
  });

  it('have each an HTTP status that says no, and a message', () => {
    for (const [status, message] of Object.values(S3_ERRORS)) {
      expect(status === 304 || (status >= 400 && status < 600)).toBe(true);
      expect(message.length).toBeGreaterThan(5);
    }
  });
});
