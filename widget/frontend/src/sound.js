/** A soft tone. A browser lets a page sound only after somebody has touched it: before, this is silent. */
export function ring() {
  if (!navigator.userActivation?.hasBeenActive) return;
  try {
    const context = new AudioContext();
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.connect(volume).connect(context.destination);
    tone.frequency.value = 660;
    volume.gain.value = 0.12;
    volume.gain.setTargetAtTime(0, context.currentTime, 0.2);
    tone.start();
    setTimeout(() => context.close(), 1000); // an open one keeps the page out of the back/forward cache
  } catch {
    // no sound here
  }
}
