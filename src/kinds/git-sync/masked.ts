/** Shorter ones stand in other words, too, and are no secrets. */
const SHORTEST_SECRET = 4;

/** A problem whose message shows none of the secrets, as they are or as JSON writes them. */
export const withoutSecrets = <P extends { message: string }>(problem: P, secrets: readonly string[]): P => ({
  ...problem,
  message: secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .toSorted((a, b) => b.length - a.length)
    .reduce(
      (message, secret) => message.replaceAll(secret, '***').replaceAll(JSON.stringify(secret).slice(1, -1), '***'),
      problem.message,
    ),
});
