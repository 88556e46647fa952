import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LogLines } from '../../../src/kinds/instance/cli/log-lines.ts';

const stamp = (n: number) => `2026-11-28T08:00:00.${String(n).padStart(9, '0')}Z`;
const taken = (lines: LogLines, ...texts: string[]) =>
  texts.map((text) => lines.take(Buffer.from(text)).toString('utf8')).join('');

it('takes the times away, or leaves them where a line begins', () => {
  const text = `${stamp(1)} one\n${stamp(2)} two\n`;
  expect(taken(new LogLines(false), text)).toBe('one\ntwo\n');
  expect(taken(new LogLines(true), text)).toBe(text);
});

it('a line that the Engine cut is one again', () => {
  const [long, rest] = ['x'.repeat(16_384), 'end\n'];
  const text = `${stamp(1)} ${long}${stamp(2)} ${rest}${stamp(3)} next\n`;
  expect(taken(new LogLines(false), text)).toBe(`${long}${rest}next\n`);
  expect(taken(new LogLines(true), text)).toBe(`${stamp(1)} ${long}${rest}${stamp(3)} next\n`);
});

it('what the next stream repeats is left out, and of one moment only what was there', () => {
  const lines = new LogLines(false);
  expect(taken(lines, `${stamp(1)} a\n${stamp(2)} b\n${stamp(2)} c\n`)).toBe('a\nb\nc\n');
  expect(lines.last).toBe(stamp(2));
  lines.resume();
  expect(taken(lines, `${stamp(1)} a\n${stamp(2)} b\n${stamp(2)} c\n${stamp(2)} d\n${stamp(3)} e\n`)).toBe('d\ne\n');
});

it('what has no time is printed as it is', () => {
  expect(
    taken(new LogLines(false), `${'no time here, and no space within forty bytes'.replaceAll(' ', '_')}\nmore text\n`),
  ).toBe('no_time_here,_and_no_space_within_forty_bytes\nmore text\n');
});

it('however a log is cut into pieces and streams, each line is there once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(3), fc.string({ maxLength: 20 })), { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(100), { maxLength: 10 }),
      fc.nat(29),
      (parts, cuts, broken) => {
        let time = 1;
        const messages = parts.map(([more, text]) => {
          time += more;
          return { time, text: `${text.replaceAll('\n', ' ')}\n` };
        });
        const written = (list: typeof messages) => list.map((m) => `${stamp(m.time)} ${m.text}`).join('');
        const lines = new LogLines(false);
        let printed = '';
        const feed = (text: string) => {
          const data = Buffer.from(text);
          let at = 0;
          for (const cut of [...cuts, data.length]) {
            printed += lines.take(data.subarray(at, at + cut)).toString('latin1');
            at += cut;
          }
        };
        feed(written(messages.slice(0, broken)));
        lines.resume();
        feed(written(messages.filter((m) => stamp(m.time) >= (lines.last ?? ''))));
        expect(printed).toBe(Buffer.from(messages.map((m) => m.text).join('')).toString('latin1'));
      },
    ),
  );
});
