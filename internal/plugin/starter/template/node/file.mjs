/**
 * Greets somebody.
 * @param {string} name - who is greeted
 * @param {number} [times] - how often; once unless given
 * @returns {string}
 */
export function hello(name, times = 1) {
  return `Hello, ${name}! `.repeat(times);
}
