import { PassError } from '../../base/errors.ts';

/** The real Engine's refusals, as the docker driver translates them. */
export const refuse = {
  unreachable: () =>
    new PassError('EngineUnavailable', 'the Engine did not answer (connect ECONNREFUSED): the simulated Engine is out'),
  noSuchContainer: (id: string) => new PassError('EngineError', `No such container: ${id}`),
  noSuchNetwork: (id: string) => new PassError('EngineError', `network ${id} not found`),
  noSuchImage: (image: string) => new PassError('ImageUnavailable', `No such image: ${image}`),
  notRunning: (name: string) => new PassError('EngineError', `Container ${name} is not running`),
  noExecutable: (file: string) =>
    new PassError('StartFailed', `OCI runtime create failed: exec: "${file}": executable file not found in $PATH`),
  portInUse: (port: number) =>
    new PassError(
      'PortInUse',
      `host port ${port} is in use: Bind for 0.0.0.0:${port} failed: port is already allocated`,
    ),
  addressInUse: (address: string) => new PassError('AddressInUse', `Address already in use: ${address}`),
  addressOutside: (address: string, cidrBlock: string) =>
    new PassError('Refused', `invalid address ${address}: it does not belong to the network's subnet ${cidrBlock}`),
  activeEndpoints: (name: string) => new PassError('EngineError', `network ${name} has active endpoints`),
  pull: (image: string) =>
    new PassError('ImageUnavailable', `image ${image} cannot be pulled: manifest for ${image} not found`),
};
