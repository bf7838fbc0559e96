const oldestMajor = 20;
const oldestMinor = 19;

/** A sentence if this Node.js version (`20.19.0`) is too old, null if it will do. */
export function nodeProblem(version: string): string | null {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null;
  return `The Fieldcast simulator needs Node.js ${oldestMajor}.${oldestMinor} or newer; this is ${version}. Install a newer one from https://nodejs.org.`;
}
