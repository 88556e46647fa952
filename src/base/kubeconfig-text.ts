import { stringify } from 'yaml';

const CLUSTER = 'miniaws';

/** A kubeconfig with one context, as kubectl reads it too. `ca`: PEM of the authority of the server's certificate. */
export function kubeconfigText({
  context,
  user,
  server,
  ca,
  token,
}: {
  context: string;
  user: string;
  server: string;
  ca?: string;
  token: string;
}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: CLUSTER, cluster: clusterOf(server, ca) }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: context, context: { cluster: CLUSTER, user, namespace: 'default' } }],
    'current-context': context,
  });
}

export const clusterOf = (server: string, ca: string | undefined): object => ({
  server,
  ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
});
