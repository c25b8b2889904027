/** Light or dark: as the system has it, unless somebody has said otherwise on this machine. */
import { useEffect, useState } from 'preact/hooks';

export interface Theme {
  readonly isDark: boolean;
  readonly toggle: () => void;
}

const key = 'edgeban-theme';
const system = window.matchMedia('(prefers-color-scheme: dark)');

function chosen(): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // a browser may forbid it
    return null;
  }
}

function choose(name: string): void {
  try {
    localStorage.setItem(key, name);
  } catch {
    // then it holds as long as the page is open
  }
}

export function useTheme(): Theme {
  const [name, setName] = useState(chosen());
  const [systemIsDark, setSystem] = useState(system.matches);
  useEffect(() => {
    const follow = () => setSystem(system.matches);
    system.addEventListener('change', follow);
    return () => system.removeEventListener('change', follow);
  }, []);
  const isDark = name === null ? systemIsDark : name === 'dark';
  useEffect(() => {
    document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light';
  }, [isDark]);
  const toggle = () => {
    const other = isDark ? 'light' : 'dark';
    choose(other);
    setName(other);
  };
  return { isDark, toggle };
}
