import type { TestProject } from 'vitest/node';
import { startPostgres } from './postgres.ts';
import { buildProgram } from './program.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A server of the run's own; its database `template` is migrated and is cloned by `freshDatabase`. */
    postgresUrl: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  buildProgram();
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return server.stop;
}
