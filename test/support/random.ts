/** From the environment for running a failure again, else a new one; a test prints the one it used. */
export const seedOf = (variable: string): number =>
  Number(process.env[variable] ?? Math.floor(Math.random() * 2 ** 31));
