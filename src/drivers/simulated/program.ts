/** What a simulated process does, one after the other; after the last step it exits with 0. */
export type Step =
  | { do: 'print'; stream: 'stdout' | 'stderr'; text: string }
  | { do: 'wait'; ms: number }
  | { do: 'exit'; code: number }
  /** Runs until it is stopped. */
  | { do: 'serve' };

export interface Program {
  steps: readonly Step[];
  /** The exit status with which it answers the signal that asks it to end; `undefined`: it does not, and must be killed. */
  onTerm?: number;
  /** Copies its input to its output. */
  copiesInput?: true;
}

const SERVER: Program = { steps: [{ do: 'serve' }], onTerm: 0 };

/** `undefined`: there is no such executable. What is not known runs for ever, as a server would. */
export function programOf(argv: readonly string[]): Program | undefined {
  const [file = '', ...args] = argv;
  if (/missing|nonexistent/.test(file)) return undefined;
  const name = file.split('/').at(-1) ?? '';
  if (name === 'sh' && args[0] === '-c') return script(args[1] ?? '');
  return simple(name, args) ?? SERVER;
}

/** The output and the exit status of a command that is run to its end at once. */
export function runAtOnce(program: Program): { prints: readonly Extract<Step, { do: 'print' }>[]; exitCode: number } {
  const end = program.steps.findIndex((step) => step.do === 'exit');
  const exit = program.steps[end];
  const prints = program.steps.slice(0, end < 0 ? undefined : end).filter((step) => step.do === 'print');
  return { prints, exitCode: exit?.do === 'exit' ? exit.code : 0 };
}

function simple(name: string, args: readonly string[]): Program | undefined {
  switch (name) {
    case 'true':
    case 'false':
      return { steps: [{ do: 'exit', code: name === 'true' ? 0 : 1 }] };
    case 'sleep':
      return { steps: args[0] === 'infinity' ? [{ do: 'serve' }] : [{ do: 'wait', ms: Number(args[0]) * 1_000 }] };
    case 'echo':
      return { steps: [{ do: 'print', stream: 'stdout', text: `${args.join(' ')}\n` }] };
    case 'cat':
      return { steps: [{ do: 'serve' }], onTerm: 0, copiesInput: true };
    default:
      return undefined;
  }
}

/** As much of a shell as tests need: `echo a; echo b >&2; sleep 1; trap 'exit 7' TERM; exit 3`. */
function script(text: string): Program {
  const statements = text.split(/;|&&|\n/).map((statement) => statement.trim());
  const onTerm = /trap '?"?exit (\d+)'?"? (?:TERM|USR1)/.exec(text)?.[1];
  const steps: Step[] = [];
  for (const statement of statements) {
    if (statement.startsWith('while ')) return withTerm([...steps, { do: 'serve' }], onTerm);
    steps.push(...statementSteps(statement));
  }
  return withTerm(steps, onTerm);
}

const withTerm = (steps: readonly Step[], onTerm: string | undefined): Program => ({
  steps,
  ...(onTerm !== undefined && { onTerm: Number(onTerm) }),
});

function statementSteps(statement: string): readonly Step[] {
  const [name = '', ...args] = statement.split(/\s+/);
  if (name === '' || name === 'trap') return [];
  if (name === 'exit') return [{ do: 'exit', code: Number(args[0] ?? 0) }];
  const toStderr = args.at(-1) === '>&2';
  const steps = simple(name, toStderr ? args.slice(0, -1) : args)?.steps ?? [{ do: 'serve' }];
  return toStderr ? steps.map((step) => (step.do === 'print' ? { ...step, stream: 'stderr' } : step)) : steps;
}
