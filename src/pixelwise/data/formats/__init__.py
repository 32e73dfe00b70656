"""Files that hold labels or arrays: annotation tools' JSON and XML, MATLAB, NumPy."""
