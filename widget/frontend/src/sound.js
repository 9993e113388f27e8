/** Two soft tones. A browser lets a page sound only after somebody has touched it: before, this is silent. */
export function ring() {
  if (!navigator.userActivation?.hasBeenActive) return;
  try {
    const context = new AudioContext();
    const volume = context.createGain();
    volume.connect(context.destination);
    for (const [index, pitch] of [660, 880].entries()) {
      const tone = context.createOscillator();
      const start = context.currentTime + index * 0.12;
      tone.frequency.value = pitch;
      tone.connect(volume);
      tone.start(start);
      tone.stop(start + 0.3);
    }
    volume.gain.setValueAtTime(0.12, context.currentTime);
    volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + 0.4);
    setTimeout(() => context.close(), 1000); // an open one keeps the page out of the back/forward cache
  } catch {
    // no sound here
  }
}
