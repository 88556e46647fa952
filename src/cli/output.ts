import type { Command } from 'commander';
import { formatAge } from '../base/quantity.ts';
import { Failure } from './failure.ts';
import { toYaml } from './yaml.ts';

export interface OutputOptions {
  output?: string;
}

/** Of commands whose answers are no objects of a kind. */
export const addOutput = (command: Command): Command =>
  command.option('-o, --output <format>', 'yaml or json, in place of a table');

/** The whole answer as it was asked for; `undefined`: a table is wanted. */
export function printed(answer: unknown, { output }: OutputOptions): string | undefined {
  if (output === undefined) return undefined;
  if (output === 'json') return JSON.stringify(answer, null, 2);
  if (output === 'yaml') return toYaml(answer).trimEnd();
  throw new Failure(`-o ${output} is not known; there are yaml and json`);
}

/** When something of the Engine was used last; `-`: nobody has noted it. */
export function lastUsed(
  { usedBy, unusedSince }: { usedBy: readonly string[]; unusedSince?: string },
  now: Date,
): string {
  if (usedBy.length > 0) return 'in use';
  return unusedSince === undefined ? '-' : `${formatAge(now.getTime() - Date.parse(unusedSince))} ago`;
}
