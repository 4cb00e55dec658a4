"""An evaluation as a page: verdict, matrix, images, tables, charts."""
