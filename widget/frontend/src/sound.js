const SPAN = 2000;

/** In one of the tabs that hear of a message at the same moment: their storage would tell them too late. @param {string} id its */
export function ring(id) {
  if (!navigator.userActivation?.hasBeenActive) return; // a browser lets a page sound only after somebody has touched it
  if (!navigator.locks) return tone();
  navigator.locks.request(`praxtalk:ring:${id}`, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    tone();
    await new Promise((resolve) => setTimeout(resolve, SPAN));
  });
}

/** Soft. */
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
    setTimeout(() => context.close(), 1000); // an open one keeps the page out of the back/forward cache
  } catch {
    // no sound here
  }
}
