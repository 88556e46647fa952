/** Shorter ones stand in other words, too, and are no secrets. */
const SHORTEST_SECRET = 4;
/** What JSON writes in another way. */
const ESCAPED = /["\\\n\r\t]/;

/** A problem whose message shows none of the secrets, as they are or as JSON writes them. */
export function withoutSecrets<P extends { message: string }>(problem: P, secrets: readonly string[]): P {
  const shown = secrets
    .filter(({ length }) => length >= SHORTEST_SECRET)
    .flatMap((secret) => (ESCAPED.test(secret) ? [secret, JSON.stringify(secret).slice(1, -1)] : [secret]))
    .filter((secret) => problem.message.includes(secret));
  if (shown.length === 0) return problem;
  // One may be a part of another.
  const longestFirst = shown.toSorted((a, b) => b.length - a.length);
  return {
    ...problem,
    message: longestFirst.reduce((message, secret) => message.replaceAll(secret, '***'), problem.message),
  };
}
