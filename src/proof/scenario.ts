import { StatusError } from '../base/errors.ts';
import type { Document, Person } from './person.ts';
import type { World } from './world.ts';

/** One thing that a person does. */
export type Action =
  | { apply: Document }
  /** A key such as `Instance/default/web`. */
  | { delete: string }
  /** A commit of these files alone, as the newest of branch `main`; or the branch goes. */
  | { push: Readonly<Record<string, string>> | undefined; url: string }
  /** A client of a bucket puts an object. */
  | { put: string; bucket: string; key: string }
  /** Must be refused, in words that match. */
  | { refused: Document; because: RegExp };

/** A stretch of a cloud's life that a proof goes over: a new kind is proven by writing its own. */
export interface Scenario {
  name: string;
  /** What is so of the Engine from the start. */
  prepare?: (world: World) => void;
  /** Done, and settled, before anything is disturbed. */
  given: readonly Action[];
  /** Disturbed at each of the side effects that follow from it. */
  when: readonly Action[];
  /** After `given`, milliseconds for which no daemon runs. */
  asleepMs?: number;
  /** `when` is done while no daemon runs: it finds the work pending at its start. */
  pending?: true;
}

export async function play(person: Person, actions: readonly Action[]): Promise<void> {
  for (const action of actions) {
    if ('apply' in action) await person.apply(action.apply);
    else if ('delete' in action) await person.delete(action.delete);
    else if ('put' in action) await person.put(action.bucket, action.key, action.put);
    else if ('push' in action) person.push(action.url, action.push);
    else await expectRefusal(person, action);
  }
}

async function expectRefusal(
  person: Person,
  { refused, because }: Extract<Action, { refused: Document }>,
): Promise<void> {
  try {
    await person.apply(refused);
  } catch (error) {
    if (error instanceof StatusError && because.test(error.message)) return;
    throw error;
  }
  throw new Error(`${refused.kind} ${refused.metadata.name} was taken; it should have been refused: ${because.source}`);
}
