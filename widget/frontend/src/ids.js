/**
 * Return a new UUID, taken from the end of a blob URL (File API, 8.1). `crypto.randomUUID` is missing on pages without https.
 *
 * @returns {string}
 */
export const newId = () => {
  const url = URL.createObjectURL(new Blob());
  URL.revokeObjectURL(url);
  return url.slice(-36);
};
