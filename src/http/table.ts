import { masked } from '../api/encrypted.ts';
import type { Resource } from '../api/metadata.ts';
import type { KindDefinition } from '../api/kind.ts';
import { formatAge } from '../base/quantity.ts';

/** What kubectl and `miniaws get` print, rendered by the server: meta.k8s.io/v1 Table. */
export interface Table {
  kind: 'Table';
  apiVersion: 'meta.k8s.io/v1';
  metadata: Record<string, unknown>;
  columnDefinitions?: readonly object[];
  rows: readonly object[];
}

/** What a Table is made by. */
type Columned = Pick<KindDefinition, 'columns' | 'content'>;

export type IncludeObject = 'None' | 'Metadata' | 'Object';

const column = (name: string, description: string, wide = false, format = '') => ({
  name,
  type: 'string',
  format,
  description,
  priority: wide ? 1 : 0,
});

const columnsOf = (kind: Columned): object[] => [
  column('Name', 'Name of the object', false, 'name'),
  ...kind.columns.filter((c) => !c.wide).map((c) => column(c.name, c.description)),
  column('Age', 'Time since it was created'),
  ...kind.columns.filter((c) => c.wide).map((c) => column(c.name, c.description, true)),
];

export function rowOf(kind: Columned, resource: Resource, now: Date, include: IncludeObject): object {
  const cells = [
    resource.metadata.name,
    ...kind.columns.filter((c) => !c.wide).map((c) => c.cell(resource)),
    formatAge(now.getTime() - Date.parse(resource.metadata.creationTimestamp)),
    ...kind.columns.filter((c) => c.wide).map((c) => c.cell(resource)),
  ];
  const { metadata } = masked(kind, resource);
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
  return include === 'None' ? { cells, object: null } : { cells, object: include === 'Object' ? resource : partial };
}

export function tableOf(
  kind: Columned,
  items: readonly Resource[],
  metadata: Record<string, unknown>,
  now: Date,
  include: IncludeObject,
  withColumns = true,
): Table {
  const rows = items.map((item) => rowOf(kind, item, now, include));
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    ...(withColumns ? { columnDefinitions: columnsOf(kind) } : {}),
    rows,
  };
}

/** Events of one watch: Tables where the client asks for them, of which the first alone has the columns. */
export function eventsOf(
  kind: Columned,
  { accept, include, now }: { accept: string | undefined; include: IncludeObject; now: () => Date },
): (type: string, object: Resource) => object {
  let withColumns = true;
  return (type, object) => {
    if (!wantsTable(accept)) return { type, object };
    const { resourceVersion } = object.metadata;
    const table = tableOf(kind, [object], { resourceVersion }, now(), include, withColumns);
    withColumns = false;
    return { type, object: table };
  };
}

/** What comes before the rows. */
export const tableHead = (kind: Columned): string => {
  const head = { kind: 'Table', apiVersion: 'meta.k8s.io/v1', columnDefinitions: columnsOf(kind) };
  return `${JSON.stringify(head).slice(0, -1)},"rows":[`;
};

/** Whether the Accept header asks for a Table first. */
export const wantsTable = (accept: string | undefined): boolean => /as=Table/.test(accept?.split(',')[0] ?? '');
