/** The version of the package, also told to the gateway. */
export const VERSION = "0.2.0";
