import { formatPath } from '../../admission/path.ts';
import { invalid } from '../../api/field-errors.ts';
import type { Cause } from '../../base/errors.ts';
import { isWithin, normalizedPath } from '../../base/host-paths.ts';
import { own } from '../../base/own.ts';
import { slotOf } from './config/own-fields.ts';
import { namesIn, OWN_NAMES, variableOf } from './config/template.ts';
import { isFolder, isReference } from './config/uses.ts';
import type { ConfigFile, ConfigSource, Instance, InstanceSpec, OnChange } from './types.ts';

/** The Engine mounts its own over these. */
const ENGINE_FILES: Readonly<Record<string, string>> = {
  '/etc/hosts': 'use extraHosts',
  '/etc/hostname': 'use hostname',
  '/etc/resolv.conf': 'use dns',
};
/** What is in them is the kernel's, or in memory. */
const KERNEL_FOLDERS = ['/proc', '/sys', '/dev'];

/** What no schema can say of what an instance is given. */
export function checkConfig({ metadata: { name }, spec }: Instance): Cause[] {
  const { env = {}, envFrom = [], files = [], readOnlyRootFilesystem } = spec;
  const isLocked = readOnlyRootFilesystem === true && files.length > 0;
  return [
    ...Object.entries(env).flatMap(([variable, value]) =>
      isReference(value) ? checkVariables(value.valueFrom, formatPath(['env', variable, 'valueFrom'])) : [],
    ),
    ...envFrom.flatMap((entry, at) => checkVariables(entry, `envFrom[${at}]`)),
    ...files.flatMap((file, at) => [
      ...checkContent(file, `files[${at}]`),
      ...checkPath(file.path, at, spec),
      ...checkTemplate(file, `files[${at}].content`, name, spec),
    ]),
    ...(isLocked
      ? [
          invalid(
            'files',
            'the Engine writes no files into a container whose readOnlyRootFilesystem is true; leave one of the two out',
          ),
        ]
      : []),
  ];
}

const sourcesIn = ({ configMap, secret }: ConfigSource): string[] => [
  ...(configMap === undefined ? [] : ['configMap']),
  ...(secret === undefined ? [] : ['secret']),
];

const told = (given: readonly string[]): string =>
  given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;

function checkVariables(entry: ConfigSource & { onChange?: OnChange }, field: string): Cause[] {
  const given = sourcesIn(entry);
  const causes = given.length === 1 ? [] : [invalid(field, `give exactly one of configMap and secret; ${told(given)}`)];
  const { onChange = 'Recreate' } = entry;
  if (onChange !== 'Recreate' && onChange !== 'Ignore')
    causes.push(
      invalid(
        `${field}.onChange`,
        'expected Recreate or Ignore: a process gets its variables when its container is made, so nothing less brings a new one to it',
      ),
    );
  return causes;
}

function checkContent(file: ConfigFile, field: string): Cause[] {
  const isInline = file.content !== undefined;
  const given = [...sourcesIn(file), ...(isInline ? ['content'] : [])];
  if (given.length !== 1) return [invalid(field, `give exactly one of configMap, secret and content; ${told(given)}`)];
  if (!isInline) return [];
  return (['key', 'optional'] as const)
    .filter((other) => file[other] !== undefined)
    .map((other) => invalid(`${field}.${other}`, 'is of a configMap or a secret; leave it out beside content'));
}

function checkPath(path: string, at: number, { files = [], volumes, tmpfs = [] }: InstanceSpec): Cause[] {
  const field = `files[${at}].path`;
  const right = normalizedPath(path);
  if (path !== right || path === '/')
    return [invalid(field, `must be an absolute path of a file without ".", ".." and needless slashes: "${right}"`)];
  const instead = own(ENGINE_FILES, path);
  if (instead !== undefined) return [invalid(field, `${path} is written by the Engine; ${instead}`)];
  const kernel = KERNEL_FOLDERS.find((folder) => isWithin(path, folder));
  if (kernel !== undefined) return [invalid(field, `cannot be in ${kernel}`)];
  const mounts = [
    ...volumes.map(({ mountPath }, n) => ({ mountPath, what: `volumes[${n}]`, why: 'outlives the container' })),
    ...tmpfs.map(({ mountPath }, n) => ({ mountPath, what: `tmpfs[${n}]`, why: 'is empty at each start' })),
  ];
  const mount = mounts.find(({ mountPath }) => isWithin(path, normalizedPath(mountPath)));
  if (mount)
    return [
      invalid(field, `${path} is in ${mount.what}, which ${mount.why}; files are written into the container alone`),
    ];
  const other = files.findIndex((file, n) => n !== at && clashes(path, n < at, file));
  return other < 0 ? [] : [invalid(field, `${path} is the path of files[${other}], or below it`)];
}

/** Two of one path are told of once, at the later. */
const clashes = (path: string, isEarlier: boolean, other: ConfigFile): boolean =>
  path === other.path ? isEarlier : !isFolder(other) && isWithin(path, other.path);

/** Of what is not in the specification itself, the instance's condition tells. */
function checkTemplate({ content, template }: ConfigFile, field: string, name: string, spec: InstanceSpec): Cause[] {
  if (content === undefined || template !== true) return [];
  return [...new Set(namesIn(content))].flatMap((reference) => {
    const why = reference === undefined ? 'a reference has no end' : faultOf(reference, name, spec);
    return why === undefined ? [] : [invalid(field, `${why}; write $\${ where no reference is meant`)];
  });
}

function faultOf(reference: string, name: string, { env = {}, envFrom = [] }: InstanceSpec): string | undefined {
  const variable = variableOf(reference);
  if (variable !== undefined)
    return Object.hasOwn(env, variable) || envFrom.length > 0
      ? undefined
      : `\${${reference}} names no variable of env or envFrom`;
  if (reference === 'slot')
    return slotOf(name) === undefined ? `\${slot} is the number at the end of a name, and ${name} has none` : undefined;
  return OWN_NAMES.some((known) => known === reference)
    ? undefined
    : `\${${reference}} is none of ${[...OWN_NAMES, 'env.NAME'].join(', ')}`;
}
