/** The version of the command line. Plain JavaScript, since it is told before anything else is read. */
export const VERSION = '0.1.0'
