import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../src/host/ports.ts';
import { eventually } from '../support/wait.ts';
import type { Workshop } from './workshop.ts';

export interface Nginx {
  port: number;
  /** What it serves, and where PUT goes. */
  folder: string;
}

/** The distribution's nginx over a folder on the same disk; `undefined` where it is not installed. */
export async function startNginx(workshop: Workshop): Promise<Nginx | undefined> {
  if (spawnSync('nginx', ['-v']).error) return undefined;
  const home = join(workshop.folder, 'nginx');
  const folder = join(home, 'files');
  await mkdir(folder, { recursive: true });
  const port = await freePort();
  const path = join(home, 'nginx.conf');
  await writeFile(path, configuration(home, folder, port));
  const server = spawn('nginx', ['-e', 'stderr', '-c', path, '-g', 'daemon off;'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = once(server, 'exit');
  workshop.atEnd(async () => {
    server.kill('SIGTERM');
    await ended;
  });
  await eventually('nginx to answer', async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0);
  return { port, folder };
}

/** Its workers are who it is: the folder is for its owner alone. */
const configuration = (home: string, folder: string, port: number): string => `
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes 2;
pid ${home}/pid;
error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 10000000;
  client_max_body_size 0;
  client_body_temp_path ${home}/bodies;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  server {
    listen 127.0.0.1:${port};
    root ${folder};
    location / { dav_methods PUT; }
  }
}
`;
