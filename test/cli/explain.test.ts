import { PassThrough } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { documentSchema, fieldsIn } from '../../src/api/fields.ts';
import type { JsonSchema } from '../../src/api/kind.ts';
import { processIo } from '../../src/cli/io.ts';
import { runClient } from '../../src/cli/program.ts';
import type { ClientSetup } from '../../src/cli/session.ts';
import { COMMANDS, KINDS } from '../../src/kinds/index.ts';

describe('explain', () => {
  /** What the command prints, without a kubeconfig: it needs no server. */
  const explain = (...words: string[]) => miniaws('explain', ...words);
  async function miniaws(...words: string[]): Promise<{ out: string; err: string; code: number }> {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const setup: ClientSetup = {
      io: { ...processIo, stdout, stderr, env: {} },
      kinds: KINDS,
      defaultKubeconfig: () => '/none',
      version: '0',
    };
    const code = await runClient(setup, COMMANDS, words);
    return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code };
  }

  test('a field with its type, and those within it with default, range and whether they must be there', async () => {
    expect((await explain('inst.spec.healthCheck.http')).out).toBe(`GROUP:    miniaws.dev
KIND:     Instance
VERSION:  v1

FIELD: spec.healthCheck.http <Object>

DESCRIPTION:
    A GET from the daemon that must answer the expected status.

FIELDS:
  port <integer> -required-
    The port inside the instance.
    range: 1 to 65535

  path <string>
    The path.
    default: "/"
    expected: a path that begins with /

  expectedStatus <integer>
    The HTTP status that means healthy.
    default: 200
    range: 100 to 599
`);
  });

  test('values that are allowed, through lists and the kind with its group', async () => {
    expect((await explain('instances.miniaws.dev.spec.capabilities.drop')).out).toContain('allowed: ALL, ');
    expect((await explain('scalinggroup.spec.policies.metric')).out).toMatch(
      /FIELD: spec.policies.metric <string> -required-/,
    );
    expect((await explain('scalinggroup.spec.template.spec.powerState')).out).toContain(
      'default: "Running"\n    allowed: Running, Stopped',
    );
  });

  test('--recursive: all fields below, by name and type', async () => {
    const { out } = await explain('vpc', '--recursive');
    expect(out).toContain(
      '  spec <Object>\n    cidrBlock <string>\n    gateway <string>\n    internetGateway <boolean>\n',
    );
    expect((await explain('instance.spec', '-r')).out).toContain('  volumes <[]Object>\n    name <string>\n');
  });

  test('every field of every kind is explained, and no line is wider than a terminal', async () => {
    const paths = (schema: JsonSchema, path: string): string[] =>
      fieldsIn(schema).flatMap(({ name, schema: field }) => [`${path}.${name}`, ...paths(field, `${path}.${name}`)]);
    const all = KINDS.all.flatMap((kind) => paths(documentSchema(kind), kind.singular));
    expect(all.length).toBeGreaterThan(200);
    for (const path of all) {
      const { out, code } = await explain(path);
      expect(code, path).toBe(0);
      expect(out, path).not.toContain('<no description>');
      expect(out.split('\n').filter((line) => line.length > 80)).toEqual([]);
    }
  });

  test.each([
    ['instance.spec.helthCheck', 'instance.spec has no field "helthCheck"; did you mean "healthCheck"?'],
    ['instance.image', 'instance has no field "image"; did you mean "instance.spec.image"?'],
    ['vpc.spec.x', 'vpc.spec has no field "x"; there are cidrBlock, gateway, internetGateway'],
    ['vpc.spec.gateway.x', 'vpc.spec.gateway has no fields that are known here'],
    ['instnce.spec', 'no kind "instnce" is known; did you mean "instance"?'],
  ])('%s: what is wrong is told, with the nearest', async (what, message) => {
    expect(await explain(what)).toEqual({ out: '', err: `error: ${message}\n`, code: 1 });
  });

  test('it completes kinds, and the fields of what is written', async () => {
    const complete = async (current: string) => (await miniaws('__complete', '--', 'explain', current)).out;
    expect(await complete('in')).toBe('instance\n');
    expect(await complete('vpc.spec.g')).toBe('vpc.spec.gateway\n');
  });
});
