"""An evaluation as a page: verdict, matrix, images, tables; and charts of any classes."""
