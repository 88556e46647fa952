const engineAnswer = (statusCode: number, message: string) =>
  Object.assign(new Error(message), { statusCode, json: { message } });
const socketError = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

export const timedOut = () => socketError('ETIMEDOUT');

/** What the Engine and the way to it really give, as the driver translates it: one of every reason, and then some. */
export const ENGINE_ERRORS: Record<string, () => Error> = {
  ECONNREFUSED: () => socketError('ECONNREFUSED'),
  ECONNRESET: () => socketError('ECONNRESET'),
  EPIPE: () => socketError('EPIPE'),
  'ENOENT of the socket': () => socketError('ENOENT'),
  ETIMEDOUT: timedOut,
  'a hang-up': () => new Error('socket hang up'),
  '500': () => engineAnswer(500, 'layer does not exist'),
  '503': () => engineAnswer(503, 'the daemon is shutting down'),
  '404 of an image': () => engineAnswer(404, 'No such image: app:1'),
  '404 of a container': () => engineAnswer(404, 'No such container: 0123456789ab'),
  '409 of a removal': () => engineAnswer(409, 'removal of container 0123456789ab is already in progress'),
  '409 of a name': () => engineAnswer(409, 'Conflict. The container name "/x" is already in use by container "y"'),
  '400': () => engineAnswer(400, 'invalid reference format'),
  '400 at a start': () =>
    engineAnswer(400, 'OCI runtime create failed: container_linux.go: starting container process'),
  '403 of an overlap': () => engineAnswer(403, 'Pool overlaps with other one on this address space'),
  '500 of a port': () =>
    engineAnswer(500, 'driver failed programming: Bind for 0.0.0.0:8080 failed: port is already allocated'),
  '403 of an address': () => engineAnswer(403, 'Address already in use'),
};

/** Those that may come instead of an answer to what was done. */
export const LOST = new Set(['ECONNRESET', 'ETIMEDOUT', '500']);
