"""Write labels as the files of annotation tools: regions as polygons, and COCO, CVAT, labelme and others."""
