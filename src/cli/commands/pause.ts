import type { Command } from 'commander';
import { PAUSED } from '../../api/metadata.ts';
import { mergeObject, nameOf } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refsOf } from '../targets.ts';

/** Owns the annotation: an apply, which does not send it, leaves it alone. */
const MANAGER = 'miniaws-pause';

/** `pause` and `resume`: whether passes act on an object. */
export function addPause(program: Command, setup: ClientSetup): void {
  const add = (name: string, description: string, value: string | null, done: string) =>
    program
      .command(name)
      .argument('<what...>', 'KIND/NAME…')
      .description(description)
      .action(task<[string[]], object>(setup, (session, [words]) => annotate(session, words, value, done)));
  add('pause', 'keep the engine from acting on objects; what runs goes on', 'true', 'paused');
  add('resume', 'let the engine act on paused objects again', null, 'resumed');
}

async function annotate(session: Session, words: readonly string[], value: string | null, done: string): Promise<void> {
  for (const ref of refsOf(session.kinds, words, session.namespace)) {
    await mergeObject(session.client, ref, { metadata: { annotations: { [PAUSED]: value } } }, MANAGER);
    session.print(`${nameOf(session.kinds, ref)} ${done}`);
  }
}
