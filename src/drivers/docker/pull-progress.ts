/** One line of the Engine's answer to a pull. */
export interface PullLine {
  id?: string;
  status?: string;
  progressDetail?: { current?: number; total?: number };
  error?: string;
  errorDetail?: { message?: string };
}

interface Layer {
  current: number;
  total: number;
  done: boolean;
}

const DONE = /^(Pull complete|Already exists|Download complete)$/;

/** Sums up a pull's lines for a person: `downloading: 3 of 7 layers, 12 of 40 MB`. */
export class PullProgress {
  readonly #layers = new Map<string, Layer>();

  read(line: PullLine): string {
    if (line.id && line.status && !line.status.startsWith('Pulling from')) this.#note(line.id, line);
    const layers = [...this.#layers.values()];
    if (layers.length === 0) return line.status ?? 'waiting for the registry';
    const done = layers.filter((layer) => layer.done).length;
    const current = layers.reduce((sum, layer) => sum + layer.current, 0);
    const total = layers.reduce((sum, layer) => sum + layer.total, 0);
    const bytes = total > 0 ? `, ${megabytes(current)} of ${megabytes(total)} MB` : '';
    return `downloading: ${done} of ${layers.length} layers${bytes}`;
  }

  #note(id: string, { status = '', progressDetail }: PullLine): void {
    const layer = this.#layers.get(id) ?? { current: 0, total: 0, done: false };
    if (status === 'Downloading' && progressDetail?.total) {
      layer.total = progressDetail.total;
      layer.current = progressDetail.current ?? 0;
    }
    if (DONE.test(status)) Object.assign(layer, { done: true, current: layer.total });
    this.#layers.set(id, layer);
  }
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
