import type { Session } from '../../../cli/session.ts';

/** To stdout; waits for a slow reader. */
export interface Print {
  write(chunk: Buffer): Promise<void>;
  /** What is left of a last line without an end. */
  end(): Promise<void>;
}

const NEW_LINE = 0x0a;
/** A line longer than this is printed in pieces: what is held of each instance is bounded. */
const LONGEST_LINE = 1 << 20;

/** With a name it stands before each line, and lines are printed whole, as others print between them. */
export function printerOf(session: Session, name: string | undefined, at: number): Print {
  const write = (chunk: Buffer) => written(session, chunk);
  if (name === undefined) return { write, end: async () => undefined };
  const { cyan, yellow, green, magenta, blue } = session.colors;
  const paint = [cyan, yellow, green, magenta, blue][at % 5] ?? cyan;
  const prefix = Buffer.from(`${paint(`[${name}]`)} `);
  let rest = Buffer.alloc(0);
  return {
    async write(chunk) {
      let data = Buffer.concat([rest, chunk]);
      const lines: Buffer[] = [];
      for (let end = data.indexOf(NEW_LINE); end >= 0; end = data.indexOf(NEW_LINE)) {
        lines.push(prefix, data.subarray(0, end + 1));
        data = data.subarray(end + 1);
      }
      if (data.length > LONGEST_LINE) {
        lines.push(prefix, data, Buffer.from('\n'));
        data = Buffer.alloc(0);
      }
      rest = Buffer.from(data);
      if (lines.length > 0) await write(Buffer.concat(lines));
    },
    async end() {
      if (rest.length > 0) await write(Buffer.concat([prefix, rest, Buffer.from('\n')]));
      rest = Buffer.alloc(0);
    },
  };
}

async function written({ io, signal }: Session, chunk: Buffer): Promise<void> {
  if (chunk.length === 0 || io.stdout.write(chunk)) return;
  await new Promise<void>((resolve) => {
    io.stdout.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
