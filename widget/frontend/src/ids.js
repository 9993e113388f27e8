/**
 * A UUID: the end of any blob URL is one (File API, 8.1). `crypto.randomUUID` is missing on pages that came without https.
 *
 * @returns {string}
 */
export const newId = () => {
  const url = URL.createObjectURL(new Blob());
  URL.revokeObjectURL(url);
  return url.slice(-36);
};
