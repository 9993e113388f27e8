const SPAN = 2000;

/**
 * Ring for a message in only one tab. All tabs receive it at once, and localStorage would synchronise them too late, so they use
 * a Web Lock.
 * @param {string} id the message's id
 */
export function ring(id) {
  if (!navigator.userActivation?.hasBeenActive) return; // browsers allow sound only after the user has interacted with the page
  if (!navigator.locks) return tone();
  navigator.locks.request(`praxtalk:ring:${id}`, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    tone();
    await new Promise((resolve) => setTimeout(resolve, SPAN));
  });
}

/** Play a soft tone. */
function tone() {
  try {
    const context = new AudioContext();
    const pitch = context.createOscillator();
    const volume = context.createGain();
    pitch.connect(volume).connect(context.destination);
    pitch.frequency.value = 660;
    volume.gain.value = 0.12;
    volume.gain.setTargetAtTime(0, context.currentTime, 0.2);
    pitch.start();
    setTimeout(() => context.close(), 1000); // the back/forward cache does not keep a page with an open AudioContext
  } catch {
    // this browser cannot play sounds
  }
}
