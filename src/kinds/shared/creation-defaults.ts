/**
 * What every container of ours is made with where its document says nothing else. It holds from the moment of creation:
 * a container that an earlier release made keeps what it has until something else recreates it, and `describe` tells
 * what that would change.
 */

/** Which defaults a container was made with, kept as its label. An earlier release, which had none, wrote no label. */
export const CREATION_DEFAULTS = '1';

/**
 * What root inside may do. It is the default of CRI-O (its crio.conf, `default_capabilities`), with SYS_CHROOT, which
 * sshd and HAProxy use and Podman leaves too. Servers start as root, take over their folders (CHOWN, FOWNER,
 * DAC_OVERRIDE), bind a low port and become another user (SETUID, SETGID): nginx 1.22, Redis 7.0 and PostgreSQL 18 were
 * started so with these alone.
 */
export const SAFE_CAPABILITIES: readonly string[] = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
];

/** The Engine's own default (moby `oci/caps/defaults.go`): what the containers of earlier releases have. */
export const ENGINE_CAPABILITIES: readonly string[] = [
  ...SAFE_CAPABILITIES,
  'AUDIT_WRITE',
  'MKNOD',
  'NET_RAW',
  'SETFCAP',
];

/** Processes and threads at once, as OpenShift's `podPidsLimit`: far above what a service has, far below what a host has. */
export const DEFAULT_PIDS_LIMIT = 4_096;
