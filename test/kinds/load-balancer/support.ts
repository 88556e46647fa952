/** An instance that the load balancer below wants. */
export const instance = (name: string, spec: object = {}) => ({
  kind: 'Instance',
  metadata: { name, labels: { app: 'web' } },
  spec: { image: 'app:1', ...spec },
});

export const balancer = (spec: object = {}) => ({
  kind: 'LoadBalancer',
  metadata: { name: 'front' },
  spec: {
    listeners: [{ port: 8080 }],
    targetGroups: [{ name: 'web', selector: { app: 'web' }, targetPort: 80 }],
    deregistrationDelay: '10s',
    ...spec,
  },
});
