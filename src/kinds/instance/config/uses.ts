import type { Ref } from '../../../api/metadata.ts';
import type { ConfigFile, ConfigSource, EnvReference, InstanceSpec, OnChange } from '../types.ts';

/** One entry of `env`, `envFrom` or `files` that takes contents from elsewhere. */
export interface Use {
  /** Left out: `content` says it. */
  source?: { kind: 'ConfigMap' | 'Secret'; name: string };
  /** Left out: every key. */
  key?: string;
  /** Where the content of a key goes: `env:NAME`, or a path. */
  target: (key: string) => string;
  onChange: OnChange;
  optional: boolean;
  file?: ConfigFile;
}

const ENV = 'env:';
export const variableIn = (target: string): string | undefined =>
  target.startsWith(ENV) ? target.slice(ENV.length) : undefined;

function sourceOf({ configMap, secret }: ConfigSource): Use['source'] {
  if (configMap !== undefined) return { kind: 'ConfigMap', name: configMap };
  return secret === undefined ? undefined : { kind: 'Secret', name: secret };
}

type Given = Pick<InstanceSpec, 'env' | 'envFrom' | 'files'>;

export const isReference = (value: string | EnvReference): value is EnvReference => typeof value === 'object';

/** In the order in which they count: of two with one target, the later. */
export function usesOf({ env = {}, envFrom = [], files = [] }: Given): Use[] {
  const whole = envFrom.map((entry): Use => ({
    ...from(entry),
    target: (key) => `${ENV}${entry.prefix ?? ''}${key}`,
    onChange: entry.onChange ?? 'Recreate',
  }));
  const single = Object.entries(env).flatMap(([name, value]): Use[] =>
    isReference(value)
      ? [
          {
            ...from(value.valueFrom),
            key: value.valueFrom.key,
            target: () => `${ENV}${name}`,
            onChange: value.valueFrom.onChange ?? 'Recreate',
          },
        ]
      : [],
  );
  const written = files.map((file): Use => ({
    ...from(file),
    ...(file.key !== undefined && { key: file.key }),
    target: (key) => (isFolder(file) ? `${file.path}/${key}` : file.path),
    onChange: file.onChange ?? 'Recreate',
    file,
  }));
  return [...whole, ...single, ...written];
}

/** Whether it gets a file for each key. */
export const isFolder = ({ key, content }: ConfigFile): boolean => key === undefined && content === undefined;

function from(entry: ConfigSource): Pick<Use, 'source' | 'optional'> {
  const source = sourceOf(entry);
  return { ...(source && { source }), optional: entry.optional === true };
}

/** Documents of the kind that it takes contents from, as an index has them. */
export const sourcesOf = (kind: Ref['kind'], namespace: string, given: Given): string[] => [
  ...new Set(usesOf(given).flatMap(({ source }) => (source?.kind === kind ? `${namespace}/${source.name}` : []))),
];

/** What one content is and where it goes, in one line. Kept in labels: its form never changes. */
export const itemOf = ({ source }: Use, key: string, target: string): string =>
  source ? `${source.kind} ${source.name} ${key} ${target}` : `content ${target}`;

/** Where a file is; a variable is nowhere. */
export function pathOf(item: string): string | undefined {
  const at = item.indexOf(' /');
  return at < 0 ? undefined : item.slice(at + 1);
}

/** `key app.conf of ConfigMap default/app`. */
export function itemWords(item: string, namespace: string): string {
  const [kind, name, key] = item.split(' ');
  return kind === 'content'
    ? `the content of ${item.slice('content '.length)}`
    : `key ${key} of ${kind} ${namespace}/${name}`;
}

/** Which entry it is of, whether its content is there or not; `undefined` where the specification has it no longer. */
export function useOfItem(item: string, uses: readonly Use[]): Use | undefined {
  return uses.findLast((use) => {
    const key = use.source ? (use.key ?? item.split(' ')[2] ?? '') : '';
    return itemOf(use, key, use.target(key)) === item;
  });
}
