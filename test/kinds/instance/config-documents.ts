/** What instances of tests are given. */
export const sourceDocuments = {
  map: (data: Record<string, string>) => ({ kind: 'ConfigMap', metadata: { name: 'app' }, data }),
  secret: (password: string) => ({
    kind: 'Secret',
    metadata: { name: 'db' },
    data: { PASSWORD: Buffer.from(password).toString('base64') },
  }),
};
