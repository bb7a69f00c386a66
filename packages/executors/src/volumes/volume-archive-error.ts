/** An archive that no volume begins with; the message names what is wrong. */
export class VolumeArchiveError extends Error {}
