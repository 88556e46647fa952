/** What HAProxy 2.6 answers to the questions of `QUESTIONS`, as records. Columns are found by name: releases add some. */

/** One after the other over one connection: of one worker, and of nearly one moment. */
export const QUESTIONS = 'show info;show stat;show servers state;show activity';

export interface Answers {
  /** `show info`: of the worker that answered. */
  info: ReadonlyMap<string, string>;
  /** `show stat`: a row for each frontend, backend and server. */
  stat: readonly Row[];
  /** `show servers state`: a row for each server. */
  servers: readonly Row[];
  /** The proxy's own time when it answered, in whole seconds since 1970. */
  nowSeconds: number;
}

/** An answer's line by its columns' names; a column that is not there is the empty text. */
export type Row = (column: string) => string;

/** `undefined`: that is not the whole answer. */
export function parseAnswers(text: string): Answers | undefined {
  // `show servers state` begins with the number of its format.
  const [info, stat, servers, activity] = text.split('\n\n').map((part) => part.trim().split('\n'));
  const [, date] = /^date_now: (\d+)\./.exec(activity?.find((line) => line.startsWith('date_now: ')) ?? '') ?? [];
  if (!info || !stat?.[0]?.startsWith('# pxname,') || !servers?.[1]?.startsWith('# be_id ') || !date) return undefined;
  return {
    info: parseInfo(info),
    stat: rows(stat, csvCells),
    servers: rows(servers.slice(1), (line) => line.split(' ')),
    nowSeconds: Number(date),
  };
}

/** `Name: HAProxy`, a line each. */
export function parseInfo(lines: readonly string[]): ReadonlyMap<string, string> {
  const pairs = lines.map(
    (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()] as const,
  );
  return new Map(pairs.filter(([key]) => key !== ''));
}

/** `show servers state` of one backend, alone. `undefined`: it is none, as of a backend that is not there. */
export function parseServers(text: string): readonly Row[] | undefined {
  const lines = text.trim().split('\n');
  return lines[1]?.startsWith('# be_id ') ? rows(lines.slice(1), (line) => line.split(' ')) : undefined;
}

/** `show stat`, alone. `undefined`: it is none. */
export function parseStat(text: string): readonly Row[] | undefined {
  const lines = text.trim().split('\n');
  return lines[0]?.startsWith('# pxname,') ? rows(lines, csvCells) : undefined;
}

/** The first line names the columns, after a `#`. */
function rows(lines: readonly string[], cellsOf: (line: string) => readonly string[]): readonly Row[] {
  const [head = '', ...body] = lines;
  const columns = new Map(cellsOf(head.replace(/^# /, '')).map((name, at) => [name, at]));
  return body.map((line) => {
    const cells = cellsOf(line);
    return (column) => cells[columns.get(column) ?? -1] ?? '';
  });
}

/** A cell with a comma or a quote in it is quoted, its quotes doubled. */
export function csvCells(line: string): readonly string[] {
  const cells = line.match(/(?<=^|,)(?:"(?:[^"]|"")*"|[^,]*)(?=,|$)/g) ?? [];
  return cells.map((cell) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell));
}
