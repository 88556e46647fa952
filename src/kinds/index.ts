import type { Resource } from '../api/metadata.ts';
import { KindRegistry } from '../api/registry.ts';
import type { KindCommands } from '../cli/command.ts';
import { apiKey } from './api-key/index.ts';
import { bucket } from './bucket/index.ts';
import { configMap } from './config-map/index.ts';
import { gitSync } from './git-sync/index.ts';
import { instance } from './instance/index.ts';
import { loadBalancer } from './load-balancer/index.ts';
import { namespace } from './namespace/index.ts';
import { scalingGroup } from './scaling-group/index.ts';
import { secret } from './secret/index.ts';
import { object } from './object/index.ts';
import type { KindModule } from './shared/kind-module.ts';
import { vpc } from './vpc/index.ts';

/** A kind speaks of its own resource type; tables of kinds speak of any. Everyone hands a kind its own documents only. */
const widen = <R extends Resource>(kind: KindModule<R>): KindModule => kind as unknown as KindModule;

/** Every kind there is, in the order in which documents of a file are applied: what is referred to comes first. */
export const MODULES: readonly KindModule[] = [
  widen(namespace),
  widen(apiKey),
  widen(configMap),
  widen(secret),
  widen(bucket),
  widen(object),
  widen(vpc),
  widen(instance),
  widen(scalingGroup),
  widen(loadBalancer),
  widen(gitSync),
];

/** The kinds of such modules. */
export const kindsOf = (modules: readonly KindModule[]): KindRegistry =>
  new KindRegistry(modules.map(({ definition }) => definition));

export const KINDS = kindsOf(MODULES);

/** By the kind's name: what those that have it have. */
const byKind = <T>(of: (kind: KindModule) => T | undefined): ReadonlyMap<string, T> =>
  new Map(
    MODULES.flatMap((kind) => {
      const has = of(kind);
      return has === undefined ? [] : [[kind.definition.kind, has] as const];
    }),
  );

/** What they add to the command. */
export const COMMANDS: KindCommands = {
  commands: MODULES.flatMap(({ commands = [] }) => commands),
  metrics: byKind(({ metrics }) => metrics),
  restarts: byKind(({ restart }) => restart),
  histories: byKind(({ history }) => history),
  rollbacks: byKind(({ rollback }) => rollback),
};
