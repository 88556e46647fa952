/** What Compose, Docker and Kubernetes have and an instance has not, and why, or what has it. */
export const NOT_HERE: Readonly<Record<string, string>> = {
  build: 'an image is built elsewhere, and named in image',
  containers: 'an instance is one container, with image, command and so on right under spec',
  depends_on: 'instances find each other by name, and start again until what they need is there',
  deploy: 'a ScalingGroup has desiredCount, strategy and template',
  desiredCount: 'a ScalingGroup has it',
  network_mode: 'an instance is in its VPC',
  networkMode: 'an instance is in its VPC',
  nodeSelector: 'there is one machine',
  privileged: 'it would own the machine',
  replicas: 'a ScalingGroup has desiredCount',
};
