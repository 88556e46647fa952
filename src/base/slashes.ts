/** Without the slashes at its end; a search for them by a pattern takes time by the square of their number. */
export function withoutTrailingSlashes(text: string): string {
  let end = text.length;
  while (text[end - 1] === '/') end--;
  return text.slice(0, end);
}
