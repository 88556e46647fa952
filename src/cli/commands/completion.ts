import type { Command } from 'commander';
import { refOf } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';
import { ApiClient } from '../client.ts';
import type { Operands } from '../command.ts';
import { candidates } from '../completion.ts';
import { oneOfFlag } from '../flags.ts';
import { listObjects } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** A person who presses Tab does not wait longer. */
const PATIENCE_MS = 2_000;

/** The shells ask the command itself (`__complete`), so that one place knows what may follow. */
const SCRIPTS: Record<Shell, string> = {
  bash: `_miniaws() {
  local IFS=$'\\n' words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  COMPREPLY=($(miniaws __complete -- "\${words[@]}" 2>/dev/null))
  [[ \${COMPREPLY[0]-} == */ ]] && compopt -o nospace
}
COMP_WORDBREAKS=\${COMP_WORDBREAKS//:}
complete -o default -F _miniaws miniaws`,
  zsh: `#compdef miniaws
_miniaws() {
  local -a found
  found=("\${(@f)$(miniaws __complete -- "\${(@)words[2,$CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -- "\${found[@]}"; else _files; fi
}
compdef _miniaws miniaws`,
  fish: `function __miniaws
  set -l words (commandline -opc) (commandline -ct)
  miniaws __complete -- $words[2..-1] 2>/dev/null
end
complete -c miniaws -a '(__miniaws)'`,
};

export function addCompletion(program: Command, setup: ClientSetup, operands: ReadonlyMap<string, Operands>): void {
  program
    .command('completion')
    .argument('<shell>', SHELLS.join(', '), oneOfFlag(SHELLS))
    .description('print a script that completes commands, kinds and names; for bash: source <(miniaws completion bash)')
    .action(task<[Shell], object>(setup, async (session, [shell]) => session.print(SCRIPTS[shell])));
  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .action(task<[string[]], object>(setup, (session, [words]) => complete(session, program, operands, words)));
}

async function complete(
  session: Session,
  program: Command,
  operands: ReadonlyMap<string, Operands>,
  words: readonly string[],
): Promise<void> {
  const found = await candidates({ program, kinds: session.kinds, operands }, words, (kind, namespace) =>
    namesOf(session, kind, namespace),
  );
  if (found.length > 0) session.print(found.join('\n'));
}

/** Names from the server; none when it cannot be asked now. */
async function namesOf(session: Session, kind: KindDefinition, namespace: string | undefined): Promise<string[]> {
  try {
    const client = new ApiClient(session.connection, session.kinds, { requestTimeoutMs: PATIENCE_MS });
    const { items } = await listObjects(client, kind, namespace ?? session.namespace);
    client.close();
    return items.map((item) => refOf(item).name);
  } catch {
    return [];
  }
}
