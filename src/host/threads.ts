/**
 * Of a daemon that is started by us, as variables of its environment: Node takes it at the start of the process and never later.
 * An fsync holds a thread of the pool until the disk has answered; of Node's own four, others would wait for one.
 */
export const THREADS = { UV_THREADPOOL_SIZE: '16' };
