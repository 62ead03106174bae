// Bundles the page into the file that is named.  usage: node build.mjs PAGE FILE, where node_modules are found
import { build } from 'esbuild';

const [page, outfile] = process.argv.slice(2);
const modules = `${process.cwd()}/node_modules`;

// Their CommonJS builds: in the others, default imports of React's older components are objects and no components.
const commonjs = {
  name: 'commonjs',
  setup(build) {
    build.onResolve({ filter: /^@grafana\/(data|schema|ui)$/ }, ({ path }) => ({ path: `${modules}/${path}/dist/cjs/index.cjs` }));
  },
};
await build({
  entryPoints: [page],
  outfile,
  bundle: true,
  minify: true,
  format: 'iife',
  jsx: 'transform',
  nodePaths: [modules],
  plugins: [commonjs],
  loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.woff': 'dataurl', '.ttf': 'dataurl' },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}' },
  logLevel: 'error',
});
