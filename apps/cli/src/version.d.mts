/** The version of the command line. */
export const VERSION: string
