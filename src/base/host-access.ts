/** What of the Engine's host instances may use beside its folders. */
export interface HostAccess {
  /** Devices, and folders of them; empty: none. */
  devices: readonly string[];
  gpus: boolean;
  /** The metadata service of the cloud that the host is in. */
  metadata: boolean;
  /** Servers, as `addr=` names them, that volumes may be mounted from. */
  nfsServers: readonly string[];
}

/** In the list of servers: whichever. */
export const ANY_SERVER = '*';
