import { createServer } from 'node:net';

/** Whether a server could listen on 127.0.0.1 at `port` now. */
export const isFree = async (port: number): Promise<boolean> => (await tryListen(port)) !== undefined;

/** One that no server has now. */
export async function freePort(): Promise<number> {
  const port = await tryListen(0);
  if (port === undefined) throw new Error('there is no free port on 127.0.0.1');
  return port;
}

function tryListen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : undefined));
    });
  });
}
