/**
 * A path as servers read it: percent-decoded, each segment after one slash, without `.` and `..`, and without a slash at its
 * end; the root is the empty text. `undefined`: it cannot be decoded, or has a control character in it.
 */
export function normalisedPath(path: string): string | undefined {
  const decoded = percentDecoded(path);
  // oxlint-disable-next-line no-control-regex -- they are what it must not have
  if (decoded === undefined || /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(decoded)) return undefined;
  const segments: string[] = [];
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return segments.map((segment) => `/${segment}`).join('');
}

function percentDecoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
