import { refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { Failure } from './failure.ts';
import { jsonPath, textOf } from './jsonpath.ts';
import { nameOf } from './objects.ts';
import { natural, toYaml } from './yaml.ts';

/** Objects in the forms of `-o` that are not tables. */
export type Render = (objects: readonly Resource[], single: boolean) => string;

const TABLES = [undefined, 'wide'];
const FORMATS = ['wide', 'yaml', 'json', 'name', 'jsonpath={…}'];
const JSONPATH = 'jsonpath=';

/** What `-o` asks for; `undefined`: a table. Throws a Failure for a word that is none. */
export function renderFor(
  kinds: KindRegistry,
  output: string | undefined,
  showManagedFields: boolean,
): Render | undefined {
  if (TABLES.includes(output) || output === undefined) return undefined;
  if (output === 'name') return (objects) => objects.map((object) => nameOf(kinds, refOf(object))).join('\n');
  if (output.startsWith(JSONPATH)) {
    const values = jsonPath(output.slice(JSONPATH.length));
    return (objects) => objects.flatMap(values).map(textOf).join(' ');
  }
  const print = { yaml: (v: unknown) => toYaml(v).trimEnd(), json: (v: unknown) => JSON.stringify(v, null, 2) }[output];
  if (!print) throw new Failure(`-o: expected one of ${FORMATS.join(', ')}; found "${output}"`);
  return (objects, single) => {
    const shown = objects.map((object) => natural(kinds, object, showManagedFields));
    return print(single ? shown[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: shown });
  };
}
