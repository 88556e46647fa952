import { stringify } from 'yaml';

/** A kubeconfig with one context, as kubectl reads it too. */
export function kubeconfigText({
  name,
  server,
  ca,
  token,
}: {
  name: string;
  server: string;
  ca?: string;
  token: string;
}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'miniaws', cluster: clusterOf(server, ca) }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: 'miniaws', user: name, namespace: 'default' } }],
    'current-context': name,
  });
}

export const clusterOf = (server: string, ca: string | undefined): object => ({
  server,
  ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
});
