import os from "node:os";

/** Facts about this machine, gathered only when asked for (some tell of a person), for
 * `client.engineerRegistered({ ...machine() })`. */
export function machine() {
  const cpus = os.cpus();
  return {
    hostName: os.hostname(),
    platform:
      ({ Linux: "Linux", Darwin: "Darwin", Windows_NT: "Windows" } as Record<string, string>)[
        os.type()
      ] ?? os.type(),
    cpu: `${cpus[0]?.model.trim() || os.arch()} (${cpus.length || 1} cores)`,
    ramGb: Math.round((os.totalmem() / 2 ** 30) * 10) / 10,
    runtimeVersion: `Node ${process.versions.node}`,
  };
}
