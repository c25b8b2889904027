/** The few drawings of the page, and the button for its theme. */
import type { Theme } from './theme.ts';

export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" />
      <path d="M16 6l8 3v7c0 5-3.5 8.5-8 10-4.5-1.5-8-5-8-10V9zM12 16h8" />
    </svg>
  );
}

export function ThemeButton({ theme }: { theme: Theme }) {
  return (
    <button
      type="button"
      class="quiet icon"
      onClick={theme.toggle}
      aria-label={theme.isDark ? 'Light theme' : 'Dark theme'}
      title={theme.isDark ? 'Light theme' : 'Dark theme'}
    >
      <svg viewBox="0 0 20 20" aria-hidden="true">
        {theme.isDark ? (
          <path d="M10 3V1m0 18v-2m7-7h2M1 10h2m12-5l1.5-1.5M3.5 16.5L5 15m0-10L3.5 3.5m13 13L15 15M10 6a4 4 0 110 8 4 4 0 010-8z" />
        ) : (
          <path d="M16.5 12A7 7 0 018 3.5 7 7 0 1016.5 12z" />
        )}
      </svg>
    </button>
  );
}
