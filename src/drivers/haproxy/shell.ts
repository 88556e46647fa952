import { PassError } from '../../base/errors.ts';
import type { Compute, ExecSession } from '../compute.ts';

/** Ends each command's output, before its exit status: a control character that no answer of ours contains. */
const END = '\u001e';
/** Of one command's output: a thousand servers take a third of a megabyte. */
const MAX_OUTPUT = 8 * 2 ** 20;

/**
 * Runs in the container for as long as its input is open: reads command lines and runs one after the other. `admin`
 * hands its input to whatever listens on 127.0.0.1 of the container, which is the proxy's admin interface alone (an
 * embedded name server of the Engine's has another address), and so needs no port of a file that may have changed
 * since; `master` does so with the master's, on 127.0.0.2. Each use is a connection of its own: none holds on to the worker before a reload. A proxy that hangs is left
 * by `nc` after eight seconds, when whoever asked has given up.
 */
const SCRIPT = `
to() {
  while read -r _ local _ state _ <&3; do
    case $local/$state in $2:*/0A) timeout 8 nc $1 $((0x\${local#*:})) 3<&-; return;; esac
  done 3</proc/net/tcp
  return 1
}
admin() { to 127.0.0.1 0100007F; }
master() { to 127.0.0.2 0200007F; }
while read -r line; do eval "$line" 2>&1 </dev/null; printf '\\036%s\\n' $?; done`;

export interface Output {
  text: string;
  status: number;
}

/** A shell in a container, over one exec that stays: a command costs a millisecond instead of the fifty of an exec. */
export class Shell {
  readonly #session: ExecSession;
  #buffer = '';
  #waiting: { resolve(output: Output): void; reject(error: unknown): void } | undefined;
  #ended: unknown;

  private constructor(session: ExecSession) {
    this.#session = session;
    void this.#read();
  }

  static async open(compute: Compute, containerId: string): Promise<Shell> {
    return new Shell(await compute.exec(containerId, { command: ['sh', '-c', SCRIPT], tty: false, stdin: true }));
  }

  /** Nothing more can be run: the container ended, or the connection did. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** One line of ours, in the shell's words; the next only after its end. Rejects when the shell ends before. */
  run(line: string): Promise<Output> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#waiting = { resolve, reject };
      void this.#session.write(Buffer.from(`${line}\n`));
    });
  }

  /** The shell in the container ends with its input, or with the command that it is at. */
  close(): void {
    this.#end(new PassError('EngineUnavailable', 'the connection to the proxy was let go of'));
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const { data } of this.#session.output) {
        this.#buffer += decoder.decode(data, { stream: true });
        if (this.#buffer.length > MAX_OUTPUT) throw new PassError('EngineError', 'the proxy answers without an end');
        this.#deliver();
      }
      this.#end(new PassError('EngineUnavailable', 'the connection to the proxy ended'));
    } catch (error) {
      this.#end(error);
    }
  }

  #deliver(): void {
    const found = new RegExp(`${END}(\\d+)\n`).exec(this.#buffer);
    if (!found) return;
    const output = { text: this.#buffer.slice(0, found.index), status: Number(found[1]) };
    this.#buffer = this.#buffer.slice(found.index + found[0].length);
    this.#waiting?.resolve(output);
    this.#waiting = undefined;
  }

  #end(error: unknown): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#session.closeInput();
    this.#session.close();
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}
