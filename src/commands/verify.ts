import type { Command } from 'commander';
import { keyOf } from '../api/metadata.ts';
import { formatProblem } from '../admission/load.ts';
import type { Problem } from '../admission/load.ts';
import { printable, processIo } from '../cli/io.ts';
import { KINDS } from '../kinds/index.ts';
import { problemsOf } from '../admission/problems.ts';
import { loadManifests } from '../cli/manifests.ts';
import type { Manifest } from '../cli/manifests.ts';
import { createProgress } from '../cli/progress.ts';
import { readSources } from '../cli/sources.ts';
import type { Document } from '../proof/person.ts';
import type { Progress, Verdict } from '../proof/verify.ts';

interface VerifyFlags {
  filename: string[];
  recursive?: boolean;
  namespace?: string;
  allFaults?: boolean;
}

/** Lines of differences that are told: the first one is what matters. */
const TOLD = 10;

/** Proves, on a simulated Engine in this process, that the manifests end alike wherever the daemon dies. Nothing is changed anywhere. */
export function verifyCommand(program: Command): void {
  program
    .command('verify')
    .description(
      'prove on a simulated Engine that these manifests become Ready, and end alike wherever the daemon dies',
    )
    .requiredOption('-f, --filename <path>', 'file, folder, URL, or - for the standard input; may be repeated', collect)
    .option('-R, --recursive', 'read folders inside folders')
    .option('-n, --namespace <name>', 'for documents that name none (default: default)')
    .option('--all-faults', 'also lost answers, failures, outages, tampering, stale views, take-overs and clock jumps')
    .action(async (flags: VerifyFlags) => {
      const manifests = await manifestsOf(flags);
      if (!manifests) return;
      // The world in memory is for this command alone.
      const { verify } = await import('../proof/verify.ts');
      const progress = createProgress(processIo, KINDS);
      const documents = manifests.map(({ ref, document }) => ({
        key: keyOf(ref),
        document: document as unknown as Document,
      }));
      const onProgress = teller((text) => progress.note(text));
      const verdict = await verify(documents, { allFaults: flags.allFaults === true, onProgress }).finally(() =>
        progress.done(),
      );
      tell(verdict, manifests);
    });
}

const collect = (value: string, before: string[] | undefined): string[] => [...(before ?? []), value];

const say = (text: string): void => void process.stderr.write(`${printable(text)}\n`);

/** `undefined`: what is wrong with them has been told. */
async function manifestsOf(flags: VerifyFlags): Promise<Manifest[] | undefined> {
  const options = { recursive: flags.recursive === true, stdin: process.stdin, signal: new AbortController().signal };
  const { sources, problems } = await readSources(flags.filename, options);
  const choice = { namespace: flags.namespace ?? 'default', explicit: flags.namespace !== undefined };
  const loaded = loadManifests(KINDS, sources, choice);
  const found = [...problems, ...loaded.problems];
  if (found.length > 0) return refuse(found);
  if (loaded.manifests.length === 0) throw new Error(`no document in ${flags.filename.join(', ')}`);
  return loaded.manifests;
}

function refuse(problems: readonly Problem[]): undefined {
  for (const problem of problems) say(formatProblem(problem));
  say(`miniaws: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}; nothing was proven`);
  process.exitCode = 1;
}

/** On a terminal each step, in its one line that moves; elsewhere a line at each tenth. */
function teller(note: (text: string) => void): (progress: Progress) => void {
  let told = 0;
  return ({ scenario, done, total }) => {
    const tenth = Math.floor((done / total) * 10);
    if (!process.stderr.isTTY && tenth === told) return;
    told = tenth;
    note(`${done} of ${total} crash points (${scenario})`);
  };
}

function tell(verdict: Verdict, manifests: readonly Manifest[]): void {
  switch (verdict.is) {
    case 'same end':
      return void process.stdout.write(`${verdict.crashPoints} crash points, same end\n`);
    case 'refused': {
      const manifest = manifests.find((m) => keyOf(m.ref) === verdict.key);
      return refuse(manifest ? problemsOf(manifest, verdict.error) : []);
    }
    case 'never ready':
      for (const { key, reason, message } of verdict.objects) say(`${key} is never Ready: ${reason}: ${message}`);
      break;
    case 'different':
      say('the end is not the same:');
      verdict.schedule.forEach((step, i) => say(`  ${i + 1}. ${step}`));
      for (const line of verdict.differences.slice(0, TOLD)) say(`  ${line}`);
      break;
  }
  process.exitCode = 1;
}
