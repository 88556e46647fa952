/** Field paths as people read them: `spec.ports[1]`, `spec.env.PORT`, `metadata.labels["a.b/c"]`. */
export type Segment = string | number;

const PLAIN = /^[A-Za-z_][A-Za-z0-9_-]*$/;

export function formatPath(segments: readonly Segment[]): string {
  let path = '';
  for (const segment of segments) {
    if (typeof segment === 'number') path += `[${segment}]`;
    else if (PLAIN.test(segment)) path += path === '' ? segment : `.${segment}`;
    else path += `[${JSON.stringify(segment)}]`;
  }
  return path;
}

/** The inverse of `formatPath`; a piece that it does not understand ends the path there. */
export function parsePath(path: string): Segment[] {
  const segments: Segment[] = [];
  const piece = /\.?([A-Za-z_][A-Za-z0-9_-]*)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  for (let match = piece.exec(path); match; match = piece.exec(path)) {
    if (match[1] !== undefined) segments.push(match[1]);
    else if (match[2] !== undefined) segments.push(Number(match[2]));
    else segments.push(JSON.parse(match[3] ?? '""') as string);
  }
  return segments;
}

/** A JSON pointer (ajv's instancePath) against the document that it points into, which tells indexes from keys. */
export function fromPointer(pointer: string, document: unknown): Segment[] {
  const segments: Segment[] = [];
  let node = document;
  for (const raw of pointer.split('/').slice(1)) {
    const key = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    const segment = Array.isArray(node) ? Number(key) : key;
    segments.push(segment);
    node = (node as Record<string, unknown> | undefined)?.[key];
  }
  return segments;
}
